"""`POST /mcp`: the Model Context Protocol for coding agents, stateless, over Streamable HTTP."""
