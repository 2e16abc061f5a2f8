"""What the OpenAPI documents of all protocols share."""
