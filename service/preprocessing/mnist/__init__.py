"""Fits a drawn, printed or photographed digit to MNIST's 28×28 pixels."""
