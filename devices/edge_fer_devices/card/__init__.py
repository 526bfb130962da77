"""From a stock image of an operating system to a card, or an image, that boots into edge-fer."""
