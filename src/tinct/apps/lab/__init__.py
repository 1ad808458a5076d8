"""What only the commands of the laboratory share."""
