"""What the closed forms share: item-item weights, bilinear maps, padded histories, explanations."""
