export { ENVELOPED_ENDPOINTS, STATUS_WORDS } from './endpoints.ts';
export {
  keyset,
  keysetKey,
  publishOptOutFiles,
  publishRuntimeConfig,
  publishStore,
  touchStore,
} from './published-stores.ts';
