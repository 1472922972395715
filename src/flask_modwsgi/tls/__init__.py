"""HTTPS: the certificate, what Apache is told of it, and its renewal."""
