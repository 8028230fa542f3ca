"""Objects that cross between the engine and its front ends, one file a resource."""
