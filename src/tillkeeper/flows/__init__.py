"""The business, one story a file: the only opener of transactions and the only caller of gateways."""
