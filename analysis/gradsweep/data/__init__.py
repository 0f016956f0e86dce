"""Reading results files."""
