"""What every imitated gateway is built from: durable books, faults, a webhook sender, the look of its pages."""
