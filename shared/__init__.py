"""What every service may use: `contracts` cross borders, `kit` is technical."""
