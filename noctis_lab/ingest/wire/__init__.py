"""The upper layer as bytes, for the receiver and the sender alike; negotiation is pynetdicom's."""
