"""What lies over images in colours, for a viewer: segmentations, masks, overlay planes."""
