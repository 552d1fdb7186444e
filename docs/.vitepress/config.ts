import { slug } from 'github-slugger';
import { defineConfig } from 'vitepress';
import { sidebar } from './sidebar.js';
import { linkSources } from './source-links.js';

export default defineConfig({
  title: 'nestjs-mqtt',
  description: 'The MQTT transport for NestJS',
  cleanUrls: true,
  markdown: {
    anchor: { slugify: slug }, // the same anchors as where the pages are read as files
    config: linkSources,
    languageAlias: { conf: 'ini' },
  },
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    nav: [
      { text: 'Guide', link: '/getting-started' },
      { text: 'Options', link: '/options' },
      { text: 'API', link: '/api/' },
    ],
    sidebar: sidebar(),
  },
});
