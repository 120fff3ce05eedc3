"""The one way in: receiver, folders and uploads end in the same pipeline; home of pynetdicom."""
