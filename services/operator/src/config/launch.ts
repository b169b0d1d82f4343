import { flagText, text } from './setting-types.ts';

/** The launch layer of the reference: what the manifest sets. */
export const launchVariables = {
  VAULT_NAME: text.optional().meta({ description: 'Name of the Key Vault that holds the operator key.' }),
  OPERATOR_KEY_SECRET_NAME: text.optional().meta({ description: 'Name of the secret that is the operator key.' }),
  DEPLOYMENT_ENVIRONMENT: text.optional().meta({ description: '`integ` or `prod`.' }),
  CORE_BASE_URL: text.optional().meta({ description: 'Address of Core; honoured in `integ` only.' }),
  OPTOUT_BASE_URL: text.optional().meta({ description: 'Address of Opt-Out; honoured in `integ` only.' }),
  SKIP_VALIDATIONS: flagText.meta({ description: '`true` skips the launch checks E05 and E06, and most of E04.' }),
  DEBUG_MODE: flagText.meta({ description: '`true` for debug builds; refused in `prod`.' }),
  IMAGE_VERSION: text.default('unknown').meta({ description: 'Version of this release, for logs and Core.' }),
};
