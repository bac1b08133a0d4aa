"""Children, the people around them, and the facts about each child."""
