"""What crosses HTTP, as pydantic models; the OpenAPI is made from them and the client reads by them."""
