"""Floor 3, genotypes: VCF files in, one honest row per sample out."""
