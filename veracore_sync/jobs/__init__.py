"""The business: plan (pure), then execute; knows only ports."""
