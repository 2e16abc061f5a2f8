"""What the recipe emoji-clip alone needs: captions, initial weights, retrieval."""
