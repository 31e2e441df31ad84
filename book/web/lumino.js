// The two of Lumino's widgets that the controls are built on. The package in one piece brings menus, tabs
// and docks along: 30 kB gzipped, which no tool can tell to be unused.

export { Panel } from '@lumino/widgets/src/panel';
export { Widget } from '@lumino/widgets/src/widget';
