"""The tenancy service's use cases: load states, decide, append; and the effects that onboarding and closing have."""
