/** Stand where a value is known only after something else has been done. */
export const identityClientIdPlaceholder = 'IDENTITY_CLIENT_ID_PLACEHOLDER';
export const attestationHostPlaceholder = 'ATTESTATION_HOST_PLACEHOLDER';
export const publicKeyPlaceholder = 'PUBLIC_KEY_PLACEHOLDER';
export const tenantPlaceholder = 'TENANT_ID_PLACEHOLDER';
