"""The e-commerce domain: products that people view, put in the cart and buy."""
