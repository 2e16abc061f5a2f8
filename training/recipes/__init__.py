"""Recipes, one trained model a module, named like its export; each offers `RECIPE`."""
