"""What the gateway executes itself: COPY from S3."""
