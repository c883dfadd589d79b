"""One app that hosts every imitated gateway, with pages and verbs to steer them."""
