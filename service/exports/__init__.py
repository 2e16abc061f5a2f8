"""An export's folder on disk: read, watched, and mirrored from remote stores."""
