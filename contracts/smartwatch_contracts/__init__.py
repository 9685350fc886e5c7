"""What the platform's parts say to one another: device payloads, events, their envelope and catalogue. No I/O."""
