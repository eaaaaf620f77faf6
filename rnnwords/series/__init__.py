"""Series of numbers: from a column of a CSV file to what training reads."""
