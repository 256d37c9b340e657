"""What `/docs` says: written from the route table, the frame types and the tree of errors."""
