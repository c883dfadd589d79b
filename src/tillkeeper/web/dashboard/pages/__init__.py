"""The pages of the dashboard, a file for each place of its rail."""
