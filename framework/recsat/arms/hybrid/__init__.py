"""The hybrid: item-item weights with a text prior on warm items, texts mapped to taste on unseen ones, on one learnt scale."""
