import type { ErrorCodeTable } from '@holdfast/base';

import { earErrorCodes } from './ear/error-codes.ts';

export const errorCodes: ErrorCodeTable = {
  ...earErrorCodes,
  X509_CERTIFICATE_MALFORMED: {
    family: 'malformed',
    meaning: 'Bytes are not a well-formed X.509 certificate.',
    action: 'Check that the certificate is complete, DER or PEM.',
  },
  X509_PKCS12_UNREADABLE: {
    family: 'malformed',
    meaning:
      'A PKCS#12 file cannot be read: it is damaged, its password is another one, or its cipher is not supported.',
    action: 'Check the password. Write the file anew with openssl pkcs12 -export if the cipher is the reason.',
  },
  X509_PEM_MALFORMED: {
    family: 'malformed',
    meaning: 'Text is not a sequence of PEM certificates, or there are too many of them.',
    action: 'Send the certificates as PEM blocks with nothing between them.',
  },
  X509_REVOCATION_LIST_MALFORMED: {
    family: 'malformed',
    meaning: 'Bytes are not a well-formed certificate revocation list, or it is larger than 1 MiB.',
    action: 'Fetch the list again from the key distribution service.',
  },
  X509_IP_ADDRESS_INVALID: {
    family: 'request',
    meaning: 'A subject alternative name is not an IP address.',
    action: 'Write the address as IPv4 or IPv6 text.',
  },
  SNP_LENGTH_INVALID: {
    family: 'malformed',
    meaning: 'An attestation report or one of its fields does not have the right length.',
    action: 'Send the 1184 bytes of the report and nothing else.',
  },
  SNP_VERSION_UNSUPPORTED: {
    family: 'unsupported',
    meaning: 'The report version is not 2, 3, 4 or 5.',
    action: 'Check that the report comes from a guest device and not from a stand-in.',
  },
  SNP_RESERVED_NOT_ZERO: {
    family: 'malformed',
    meaning: 'A reserved field of the report is not zero, or a fixed policy bit is clear.',
    action: 'Treat the report as altered, or update this software for newer firmware.',
  },
  SNP_SIGNATURE_ALGORITHM_UNSUPPORTED: {
    family: 'unsupported',
    meaning: 'The report is not signed with ECDSA P-384 and SHA-384.',
    action: 'Update this software if the platform has a new algorithm.',
  },
  SNP_KEY_KIND_MISMATCH: {
    family: 'verification',
    meaning: 'The report names another kind of signing key than the certificate, or none.',
    action: 'Fetch the certificate for the key kind the report names.',
  },
  SNP_KEY_MASKED: {
    family: 'verification',
    meaning: 'The platform masks its chip key, so the report carries no signature.',
    action: 'Enable the chip key in the host configuration.',
  },
  SNP_PRODUCT_UNKNOWN: {
    family: 'verification',
    meaning: 'The processor line is unknown or does not fit the certificate chain.',
    action: 'Use certificates of the processor that made the report.',
  },
  SNP_CHAIN_INCOMPLETE: {
    family: 'verification',
    meaning: 'The VCEK or VLEK, its issuer or a pinned root is missing or not unique.',
    action: 'Send leaf, intermediate and root in one bundle.',
  },
  SNP_CHAIN_NAME_MISMATCH: {
    family: 'verification',
    meaning: 'A certificate was issued under another name than its issuer bears.',
    action: 'Use the certificate chain of this processor line and key kind.',
  },
  SNP_CHAIN_SIGNATURE_INVALID: {
    family: 'verification',
    meaning: 'A certificate signature does not hold, or an issuer may not issue certificates.',
    action: 'Fetch the certificates again from the key distribution service.',
  },
  SNP_ROOT_UNTRUSTED: {
    family: 'verification',
    meaning: 'The bundle holds a root or issuer that is not trusted by configuration.',
    action: 'If this is the simulated platform, configure its root explicitly; otherwise treat the evidence as forged.',
  },
  SNP_ROOT_INVALID: {
    family: 'malformed',
    meaning: 'A configured root is not a single root certificate of a known name.',
    action: 'Configure the root certificate that the simulated platform wrote.',
  },
  SNP_EXPIRED: {
    family: 'verification',
    meaning: 'A certificate of the chain has expired.',
    action: 'Fetch a current certificate; check the clock.',
  },
  SNP_NOT_YET_VALID: {
    family: 'verification',
    meaning: 'A certificate of the chain is not valid yet.',
    action: 'Check the clock.',
  },
  SNP_REVOKED: {
    family: 'verification',
    meaning: 'The ASK or ASVK certificate is on the revocation list of its root.',
    action: 'Do not trust this platform; fetch the current certificate chain from the key distribution service.',
  },
  SNP_REVOCATION_UNKNOWN: {
    family: 'verification',
    meaning: 'A revocation list is demanded, and none is both current and signed by the root of the chain.',
    action: 'Fetch the current revocation list of this processor line.',
  },
  SNP_EXTENSION_INVALID: {
    family: 'verification',
    meaning: 'An extension of the VCEK or VLEK certificate is missing, doubled or of the wrong form.',
    action: 'Fetch the certificate again from the key distribution service.',
  },
  SNP_CHIP_ID_MISMATCH: {
    family: 'verification',
    meaning: 'The certificate is for another chip, or the chip identifier is masked.',
    action: 'Fetch the certificate for the chip identifier in the report.',
  },
  SNP_CSP_REFUSED: {
    family: 'verification',
    meaning: 'A VLEK of a provider that is not on the list of allowed providers.',
    action: 'Allow the provider in the configuration if it is yours.',
  },
  SNP_TCB_MISMATCH: {
    family: 'verification',
    meaning: 'The certificate or host certificate data are for another TCB than the reported one.',
    action: 'Fetch the certificate for the reported TCB again.',
  },
  SNP_TCB_ORDER: {
    family: 'verification',
    meaning: 'The TCB versions of the report are not in order.',
    action: 'Treat the report as altered; update the platform firmware.',
  },
  SNP_SIGNATURE_INVALID: {
    family: 'verification',
    meaning: 'The report signature does not hold under the endorsed key.',
    action: 'Treat the report as altered.',
  },
  SNP_DEBUG_ALLOWED: {
    family: 'policy',
    meaning: 'The guest policy allows debugging, so the host can read guest memory.',
    action: 'Start the guest without the debug policy bit.',
  },
  SNP_MIGRATION_ALLOWED: {
    family: 'policy',
    meaning: 'The guest policy allows a migration agent.',
    action: 'Start the guest without the migration policy bit, or allow it.',
  },
  SNP_POLICY_REFUSED: {
    family: 'policy',
    meaning: 'The guest policy or platform configuration is not as required.',
    action: "Compare the policy bits with the verifier's requirements.",
  },
  SNP_VMPL_REFUSED: {
    family: 'policy',
    meaning: 'The report was requested from a privilege level that is not allowed.',
    action: 'Request the report from an allowed VMPL.',
  },
  SNP_TCB_TOO_LOW: {
    family: 'policy',
    meaning: 'The platform TCB is below the configured minimum.',
    action: 'Update the platform firmware.',
  },
  SNP_REPORT_DATA_MISMATCH: {
    family: 'policy',
    meaning: 'REPORT_DATA is not the expected value, or no value was expected.',
    action: 'Request a report over the data of this exchange.',
  },
  SNP_HOST_DATA_MISMATCH: {
    family: 'policy',
    meaning: 'HOST_DATA is not the expected value.',
    action: 'Check that the workload runs under the policy that was measured.',
  },
  SNP_MEASUREMENT_MISMATCH: {
    family: 'policy',
    meaning: 'The launch measurement is not the expected value.',
    action: 'Add the measurement to the reference values if the image is yours.',
  },
  SNP_ID_KEY_MISMATCH: {
    family: 'policy',
    meaning: 'The ID key digest is not the expected value.',
    action: 'Check which key signed the ID block.',
  },
  SNP_AUTHOR_KEY_MISMATCH: {
    family: 'policy',
    meaning: 'The author key digest is not the expected value.',
    action: 'Check which author key signed the ID key.',
  },
  SNP_FAMILY_ID_MISMATCH: {
    family: 'policy',
    meaning: 'The family identifier is not the expected value.',
    action: 'Check the ID block of the guest.',
  },
  SNP_IMAGE_ID_MISMATCH: {
    family: 'policy',
    meaning: 'The image identifier is not the expected value.',
    action: 'Check the ID block of the guest.',
  },
  SNP_REPORT_ID_MISMATCH: {
    family: 'policy',
    meaning: 'The report identifier is not the expected value.',
    action: 'Check which guest made the report.',
  },
  SNP_CERTIFICATE_TABLE_INVALID: {
    family: 'malformed',
    meaning: 'The certificate table beside a report has entries out of bounds, too many, or no end.',
    action: 'Read the table again from the guest device.',
  },
  SNP_THIM_INVALID: {
    family: 'malformed',
    meaning: 'The host certificate JSON is not as the certificate service answers it.',
    action: 'Check the host-amd-cert file or the metadata endpoint.',
  },
  VTPM_FORMAT_INVALID: {
    family: 'malformed',
    meaning: 'Evidence of a virtual TPM, or the paravisor report in it, is not well-formed.',
    action: 'Collect the evidence again; send the paravisor report with its whole length.',
  },
  VTPM_REPORT_TYPE_UNSUPPORTED: {
    family: 'unsupported',
    meaning: 'The paravisor report holds a hardware report of another kind than SEV-SNP, such as TDX.',
    action: 'Attest on a SEV-SNP machine.',
  },
  VTPM_RUNTIME_DATA_MISMATCH: {
    family: 'verification',
    meaning: "The hardware report does not bind the paravisor's runtime data.",
    action: 'Treat the evidence as altered.',
  },
  VTPM_ATTESTATION_KEY_INVALID: {
    family: 'verification',
    meaning: 'The runtime data hold no usable attestation key (HCLAkPub, RSA of 2048 bits).',
    action: 'Treat the evidence as altered, or update this software for newer paravisors.',
  },
  VTPM_QUOTE_SIGNATURE_INVALID: {
    family: 'verification',
    meaning: 'The TPM quote is not signed by the attestation key of this machine.',
    action: 'Treat the quote as forged.',
  },
  VTPM_QUOTE_INVALID: {
    family: 'malformed',
    meaning: 'The signed message of the TPM is not a quote, or not well-formed.',
    action: 'Send the TPMS_ATTEST structure of TPM2_Quote and nothing else.',
  },
  VTPM_NONCE_MISMATCH: {
    family: 'policy',
    meaning: 'The quote does not carry the expected nonce, or no nonce was expected.',
    action: 'Ask for a quote over the nonce of this exchange.',
  },
  VTPM_PCR_SELECTION_REFUSED: {
    family: 'verification',
    meaning: 'The quote is not over all 24 registers of the SHA-256 bank.',
    action: 'Ask for a quote over PCR 0 to 23 of the SHA-256 bank.',
  },
  VTPM_PCR_MISMATCH: {
    family: 'verification',
    meaning: 'The register values sent along are not those that were quoted.',
    action: 'Treat the values as altered, or read them again with the quote.',
  },
  VTPM_USER_DATA_MISMATCH: {
    family: 'policy',
    meaning: "The paravisor's user data do not start with the expected nonce.",
    action: 'Write the nonce into the user data before the report is fetched.',
  },
  VTPM_INIT_DATA_MISMATCH: {
    family: 'policy',
    meaning: 'PCR 8 does not measure the expected init data.',
    action: 'Compare the digest of the init data with that of the running machine.',
  },
  UVM_FORMAT_INVALID: {
    family: 'malformed',
    meaning: 'A utility VM endorsement is not a well-formed COSE_Sign1 envelope of a known form.',
    action: 'Check that reference-info-base64 was decoded once and is complete.',
  },
  UVM_ALGORITHM_REFUSED: {
    family: 'verification',
    meaning: 'The endorsement is signed with an algorithm that its trust entry does not allow.',
    action: 'Allow the algorithm only for test issuers.',
  },
  UVM_CHAIN_INVALID: {
    family: 'verification',
    meaning: 'The certificate chain of an endorsement does not satisfy its did:x509 issuer.',
    action: 'Treat the endorsement as forged.',
  },
  UVM_SIGNATURE_INVALID: {
    family: 'verification',
    meaning: 'The signature of an endorsement does not hold.',
    action: 'Treat the endorsement as altered.',
  },
  UVM_ISSUER_UNTRUSTED: {
    family: 'verification',
    meaning: 'The issuer of an endorsement is not on the list of trusted issuers.',
    action: 'If this is the simulated platform, configure its issuer explicitly.',
  },
  UVM_SIGNER_REFUSED: {
    family: 'verification',
    meaning: 'The signing certificate of an endorsement is refused by configuration, or the endorsement is too old.',
    action: 'Use an endorsement signed with a current certificate.',
  },
  UVM_RECEIPT_INVALID: {
    family: 'verification',
    meaning: 'A transparency receipt is demanded, and none of a configured ledger holds for this endorsement.',
    action: 'Use the transparent form of the endorsement, and configure the keys of its ledger.',
  },
  UVM_LEDGER_KEYS_INVALID: {
    family: 'malformed',
    meaning: 'Keys of transparency ledgers cannot be read, or a ledger has no usable key.',
    action: 'Configure the P-384 keys of the ledger as JSON Web Keys.',
  },
  UVM_FEED_UNTRUSTED: {
    family: 'verification',
    meaning: 'The feed of an endorsement is not trusted for its issuer.',
    action: 'Check which utility VM the host runs.',
  },
  UVM_SVN_TOO_LOW: {
    family: 'verification',
    meaning: 'The security version of an endorsement is below the minimum or not in its canonical form.',
    action: 'Wait for the provider to update the utility VM, or lower the minimum.',
  },
  UVM_MEASUREMENT_MISMATCH: {
    family: 'verification',
    meaning: 'The endorsement is for another launch measurement than the report shows.',
    action: 'Use the endorsement of the utility VM that runs.',
  },
  DID_X509_INVALID: {
    family: 'verification',
    meaning: 'A did:x509 identifier is malformed or a certificate chain does not resolve it.',
    action: 'Compare the identifier with the chain: fingerprint, policies, order.',
  },
  CBOR_MALFORMED: {
    family: 'malformed',
    meaning: "Bytes are not CBOR within this decoder's limits.",
    action: 'Check that the value is complete and was not decoded twice.',
  },
  SIMULATED_PLATFORM_RECORD_INVALID: {
    family: 'malformed',
    meaning: 'The stored keys of the simulated platform cannot be read.',
    action: 'Delete the home directory; it is made anew at the next start.',
  },
  MAA_REQUEST_INVALID: {
    family: 'request',
    meaning: 'The body of an attest request is malformed.',
    action: 'Compare the body with the SevSnpVm attestation API.',
  },
  MAA_REQUEST_TOO_LARGE: {
    family: 'request',
    meaning: 'The body of an attest request is larger than 1 MiB.',
    action: 'Send less runtime data.',
  },
  MAA_EVIDENCE_REFUSED: {
    family: 'request',
    meaning: 'The attestation report or its certificates do not hold.',
    action: 'Read the reason; the details name the failed checks.',
  },
  MAA_RUNTIME_DATA_MISMATCH: {
    family: 'request',
    meaning: 'REPORT_DATA is not the SHA-256 of the runtime data followed by 32 zero bytes.',
    action: 'Send the exact bytes that were hashed into the report.',
  },
  MAA_INIT_TIME_DATA_MISMATCH: {
    family: 'request',
    meaning: 'HOST_DATA is not the SHA-256 of the init-time data.',
    action: 'Send the exact bytes that were measured at launch.',
  },
  MAA_ENDORSEMENT_REFUSED: {
    family: 'request',
    meaning: 'A utility VM endorsement beside the report does not hold.',
    action: 'Send the endorsement of the utility VM that runs, or none.',
  },
  MAA_POLICY_INVALID: {
    family: 'request',
    meaning: 'An attestation policy is not well-formed version 1.0 policy text.',
    action: 'Correct the policy at the named place.',
  },
  MAA_POLICY_DENIED: {
    family: 'policy',
    meaning: 'The attestation policy did not permit the evidence.',
    action: "Compare the claims with the policy's authorization rules.",
  },
  ATTESTATION_JWKS_MALFORMED: {
    family: 'malformed',
    meaning: 'A key set is not a JSON Web Key Set.',
    action: 'Check the address of the key set.',
  },
  ATTESTATION_TOKEN_MALFORMED: {
    family: 'malformed',
    meaning: 'A token is not a compact JWS with JSON object header and payload.',
    action: 'Send the token exactly as it was issued.',
  },
  ATTESTATION_TOKEN_ALGORITHM: {
    family: 'verification',
    meaning: 'The token names an algorithm, type or critical header that is not allowed.',
    action: 'Use a token of the configured attestation service.',
  },
  ATTESTATION_TOKEN_ISSUER: {
    family: 'verification',
    meaning: 'The token was issued by a service that is not configured.',
    action: 'Compare the issuer with the configured addresses, character by character.',
  },
  ATTESTATION_TOKEN_JKU: {
    family: 'verification',
    meaning: "The token points at another key set than its issuer's.",
    action: 'Treat the token as forged.',
  },
  ATTESTATION_TOKEN_KID_UNKNOWN: {
    family: 'verification',
    meaning: "The token names a key that is not in the issuer's key set, or that is not unique there.",
    action: 'Fetch the key set again; keys rotate.',
  },
  SIGNING_CERTIFICATE_UNSUPPORTED: {
    family: 'unsupported',
    meaning: 'The certificate of a token signer holds a key that is not RSA.',
    action: 'Sign attestation tokens with an RSA key of 2048 bits or more.',
  },
  ATTESTATION_TOKEN_KEY: {
    family: 'verification',
    meaning: 'The key the token names cannot be used to sign tokens.',
    action: "Check the issuer's key set.",
  },
  ATTESTATION_TOKEN_SIGNATURE: {
    family: 'verification',
    meaning: 'The token signature does not hold.',
    action: 'Treat the token as altered.',
  },
  ATTESTATION_TOKEN_EXPIRED: {
    family: 'verification',
    meaning: 'The token has expired, or its expiry is missing or too far away.',
    action: 'Attest again; check the clock.',
  },
  ATTESTATION_TOKEN_NOT_YET_VALID: {
    family: 'verification',
    meaning: 'The token is not valid yet, or its times are missing.',
    action: 'Check the clocks of both sides.',
  },
  ATTESTATION_TOKEN_TYPE: {
    family: 'verification',
    meaning: 'The token version or attestation type is not the expected one.',
    action: 'Attest with the expected attestation type.',
  },
  ATTESTATION_TOKEN_NONCE: {
    family: 'verification',
    meaning: 'The token does not carry the expected nonce.',
    action: 'Attest again with the current nonce.',
  },
  ATTESTATION_TOKEN_REPLAYED: {
    family: 'verification',
    meaning: 'The token was used before.',
    action: 'Attest again.',
  },
  ATTESTATION_TOKEN_BINDING: {
    family: 'verification',
    meaning: 'The report data of the token is not the hash of the runtime data at hand.',
    action: 'Use the runtime data that was attested.',
  },
  ATTESTATION_TOKEN_POLICY_HASH: {
    family: 'policy',
    meaning: 'The token was issued under another attestation policy than expected.',
    action: 'Compare the policy of the attestation service with the expected one.',
  },
  ATTESTATION_TOKEN_CLAIM: {
    family: 'policy',
    meaning: 'A claim of the token is not what the relying party requires.',
    action: 'Read the reason; it names the claim.',
  },
  ATTESTATION_TOKEN_TEST_ROOT: {
    family: 'policy',
    meaning: 'The token stands for the simulated platform, which this relying party does not accept.',
    action: 'Use real hardware, or allow the test root for development.',
  },
  ATTESTATION_NITRO_MALFORMED: {
    family: 'malformed',
    meaning: 'Evidence that should be an AWS Nitro attestation document has another shape.',
    action: 'Check that the operator runs in a Nitro enclave and sends the document as the hypervisor made it.',
  },
};
