"""HTTPS: the certificate, Apache's configuration for it, and its renewal."""
