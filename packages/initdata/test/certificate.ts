/**
 * A self-signed certificate of kbs.example.test, made for these tests with a key that was thrown away; valid from 2026-01-01 to
 * 2027-01-01. Checks get their clock as a parameter, so its dates harm no later run.
 */
export const KBS_CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBIjCByaADAgECAgEBMAoGCCqGSM49BAMCMBsxGTAXBgNVBAMMEGticy5leGFt
cGxlLnRlc3QwHhcNMjYwMTAxMDAwMDAwWhcNMjcwMTAxMDAwMDAwWjAbMRkwFwYD
VQQDDBBrYnMuZXhhbXBsZS50ZXN0MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE
q5/YCkRmpo4TA1OmDqEUzfVOe5t9KRj29LZvHyrbUJs5GdlcI07RdH9QOPcD6tYm
banucxiZmR3JHlVsZ5ZncDAKBggqhkjOPQQDAgNIADBFAiEA9XlmSVDJlpr+lCnm
UemTvM2rwMBrlp1wjRQtO0IhR+4CIBV0oj7JP1OK2x/6HIArFqhCGLRZ67rcKO/a
mBZq290L
-----END CERTIFICATE-----
`;

export const WITHIN_VALIDITY: number = Date.UTC(2026, 5, 1);
