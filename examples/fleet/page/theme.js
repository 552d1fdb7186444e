import { byId } from './element.js';

const KEY = 'theme';

/** Light and dark as the system has it, until the button says otherwise. */
export function setUpTheme() {
  const system = matchMedia('(prefers-color-scheme: dark)');
  const { dataset } = document.documentElement;
  const isDark = () => (dataset.theme ?? (system.matches ? 'dark' : 'light')) === 'dark';
  const chosen = localStorage.getItem(KEY);
  if (chosen !== null) dataset.theme = chosen;
  byId('theme').addEventListener('click', () => {
    dataset.theme = isDark() ? 'light' : 'dark';
    localStorage.setItem(KEY, dataset.theme);
    document.dispatchEvent(new CustomEvent('themechange'));
  });
}
