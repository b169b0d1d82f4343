import { ConfigError } from '@holdfast/base';

/** The variables by which a confidential container's manifest starts the operator. */
export interface LaunchVariables {
  readonly VAULT_NAME?: string | undefined;
  readonly OPERATOR_KEY_SECRET_NAME?: string | undefined;
  readonly DEPLOYMENT_ENVIRONMENT?: string | undefined;
  readonly CORE_BASE_URL?: string | undefined;
  readonly OPTOUT_BASE_URL?: string | undefined;
  readonly SKIP_VALIDATIONS?: boolean | undefined;
  readonly DEBUG_MODE?: boolean | undefined;
  /** Makes VAULT_NAME dispensable. */
  readonly azure_vault_url?: string | undefined;
}

export interface LaunchSettings {
  readonly environment: string;
  readonly vaultName: string;
  readonly secretName: string;
  /** Without a trailing slash. */
  readonly coreUrl: string;
  readonly optOutUrl: string;
  /** Whether Core and Opt-Out are UID2's own rather than ones named by CORE_BASE_URL and OPTOUT_BASE_URL. */
  readonly publishedServices: boolean;
  readonly debugMode: boolean;
  readonly skipValidations: boolean;
}

/**
 * Derives the addresses of an environment as the reference's launch script does, or answers undefined when no launch
 * variable is set. `CORE_BASE_URL` and `OPTOUT_BASE_URL` are honoured in `integ` only: no setting leads a production
 * operator to another Core.
 * @throws ConfigError LAUNCH_SETTING_MISSING (E03) or LAUNCH_SETTING_INVALID (E04), naming all problems at once
 */
export function readLaunchSettings(variables: LaunchVariables): LaunchSettings | undefined {
  const { VAULT_NAME, OPERATOR_KEY_SECRET_NAME, DEPLOYMENT_ENVIRONMENT } = variables;
  if (VAULT_NAME === undefined && OPERATOR_KEY_SECRET_NAME === undefined && DEPLOYMENT_ENVIRONMENT === undefined) {
    return undefined;
  }
  const missing = Object.entries({
    VAULT_NAME: VAULT_NAME ?? variables.azure_vault_url,
    OPERATOR_KEY_SECRET_NAME,
    DEPLOYMENT_ENVIRONMENT,
  })
    .filter(([, value]) => value === undefined || value === '')
    .map(([name]) => name);
  const environment = DEPLOYMENT_ENVIRONMENT ?? '';
  const coreUrl = baseUrl(environment, variables.CORE_BASE_URL, 'core');
  const optOutUrl = baseUrl(environment, variables.OPTOUT_BASE_URL, 'optout');
  const settings: LaunchSettings = {
    environment,
    vaultName: VAULT_NAME ?? '',
    secretName: OPERATOR_KEY_SECRET_NAME ?? '',
    coreUrl,
    optOutUrl,
    publishedServices: environment !== 'integ' || !variables.CORE_BASE_URL,
    debugMode: variables.DEBUG_MODE === true,
    skipValidations: variables.SKIP_VALIDATIONS === true,
  };
  const wrong = missing.includes('DEPLOYMENT_ENVIRONMENT') ? [] : wrongSettings(settings);
  throwProblems(missing, wrong);
  return settings;
}

function baseUrl(environment: string, override: string | undefined, service: 'core' | 'optout'): string {
  if (override && environment === 'integ') return override.replace(/\/+$/, '');
  return `https://${service}-${environment}.uidapi.com`.toLowerCase();
}

/** The checks of E04. Debug mode in production is refused even when validations are skipped. */
function wrongSettings(settings: LaunchSettings): string[] {
  const { environment, debugMode, coreUrl, optOutUrl, skipValidations } = settings;
  const wrong: string[] = [];
  if (debugMode && environment === 'prod') wrong.push('DEBUG_MODE: debug mode is not allowed in prod');
  for (const [name, url] of [
    ['CORE_BASE_URL', coreUrl],
    ['OPTOUT_BASE_URL', optOutUrl],
  ] as const) {
    if (!URL.canParse(url)) wrong.push(`${name}: not a URL`);
  }
  if (skipValidations || wrong.some((problem) => problem.endsWith('not a URL'))) return wrong;
  if (environment !== 'integ' && environment !== 'prod') {
    wrong.push(`DEPLOYMENT_ENVIRONMENT: ${JSON.stringify(environment)} is neither integ nor prod`);
    return wrong;
  }
  for (const [name, url] of [
    ['CORE_BASE_URL', coreUrl],
    ['OPTOUT_BASE_URL', optOutUrl],
  ] as const) {
    const parsed = new URL(url);
    if (environment !== 'prod' && !url.includes(environment)) {
      wrong.push(`${name}: the address does not contain the name of the environment (${environment})`);
    }
    if (parsed.protocol !== 'https:' && parsed.pathname !== '/') {
      wrong.push(`${name}: an address that is not https must have no path`);
    }
  }
  return wrong;
}

function throwProblems(missing: readonly string[], wrong: readonly string[]): void {
  const problems = [
    ...(missing.length === 0 ? [] : [`E03: ConfigurationMissingError: required but not set: ${missing.join(', ')}`]),
    ...wrong.map((problem) => `E04: ConfigurationValueError: ${problem}`),
  ];
  if (problems.length === 0) return;
  if (missing.length > 0) {
    throw new ConfigError('LAUNCH_SETTING_MISSING', problems, {
      details: { guideCode: 'E03', missing },
      action: 'Set the named variables in the manifest of the operator.',
    });
  }
  throw new ConfigError('LAUNCH_SETTING_INVALID', problems, {
    details: { guideCode: 'E04' },
    action: 'Align the named values with their format and with the environment; debug mode is for integ only.',
  });
}
