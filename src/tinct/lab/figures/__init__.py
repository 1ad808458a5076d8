"""What a comparison shows: drawings, curves, sheets, and the page that holds them."""
