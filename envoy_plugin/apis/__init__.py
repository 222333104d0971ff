"""The wire APIs of the engine, one package each: translation only, and none knows another."""
