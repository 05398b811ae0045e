"""What people read: tables, sentences, plots, pages and comparisons, all derived from result rows."""
