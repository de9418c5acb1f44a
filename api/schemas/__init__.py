"""What goes in and out of the API. Input refuses unknown fields; output has no defaults, so everything is given."""
