"""What users of audioLIME v0.0.3 import is found under the same names."""


def test_names_of_the_published_package():
    from audiolime.data_provider import RawAudioProvider
    from audiolime.factorization import (
        SourceSeparationBasedFactorization,
        SpleeterFactorization,
        TimeOnlyFactorization,
    )
    from audiolime.lime_audio import AudioExplanation, LimeAudioExplainer

    assert issubclass(SpleeterFactorization, SourceSeparationBasedFactorization)
    assert TimeOnlyFactorization and RawAudioProvider
    assert AudioExplanation and callable(LimeAudioExplainer.explain_instance)
