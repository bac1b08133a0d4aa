"""A child, the people around it, and the one row that orders every act about it (R8)."""
