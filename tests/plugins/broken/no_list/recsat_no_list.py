from recsat import EncoderSpec, hookimpl


@hookimpl
def recsat_encoders() -> EncoderSpec:
    return EncoderSpec(name="alone", description="Not in a list.", make=lambda settings: None)
