"""Steps after training: temperature scaling, n-gram and interpolation weights, spelling model, adaptation."""
