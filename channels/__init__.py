"""Everything that speaks to providers: adapters, their facts as data, and the sandbox emulators."""
