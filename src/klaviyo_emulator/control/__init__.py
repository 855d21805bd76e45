"""The control API below `/__emulator__`: what a test or a person does to an emulator that no Klaviyo could be asked."""
