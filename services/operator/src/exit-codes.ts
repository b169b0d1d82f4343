import type { ExitCodes } from '@holdfast/process';

/**
 * Why the process ended. Start-up failures that the operator guides number (E02 …) exit with 20 plus that number; what
 * ends a serving operator is 40 and above. Other configuration errors exit with 78, defects with 1.
 */
export const exitCodes: ExitCodes = {
  OPERATOR_KEY_NOT_FOUND: 22,
  LAUNCH_SETTING_MISSING: 23,
  LAUNCH_SETTING_INVALID: 24,
  OPERATOR_KEY_ENVIRONMENT: 25,
  UID2_SERVICES_UNREACHABLE: 26,
  OPERATOR_KEY_UNAVAILABLE: 27,
  OPERATOR_KEY_FORBIDDEN: 28,
  SIDECAR_UNREACHABLE: 30,
  STARTUP_METADATA_FAILED: 31,
  LISTEN_FAILED: 32,
  ATTESTATION_REFUSED: 40,
  ATTESTATION_FAILED_TOO_LONG: 41,
  SALTS_EXPIRED_TOO_LONG: 42,
  STORE_STALE_TOO_LONG: 43,
  SERVING_THREAD_LOST: 44,
};
