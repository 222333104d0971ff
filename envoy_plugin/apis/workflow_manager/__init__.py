"""The operator API: operators and clients of ArcGIS Workflow Manager drive jobs over HTTP and a websocket."""
