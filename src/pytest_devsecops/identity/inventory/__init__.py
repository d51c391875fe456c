"""What operations an application has, read from its routes or from its OpenAPI document."""
