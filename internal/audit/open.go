package audit

import (
	"context"

	"hubaudit/internal/config"
	"hubaudit/internal/history"
)

// OpenHistory opens the history that a configuration names.
func OpenHistory(ctx context.Context, cfg *config.Config) (*history.Store, error) {
	where, err := HistoryLocation(cfg)
	if err != nil {
		return nil, err
	}
	return history.Open(ctx, where)
}

// HistoryLocation says where the history of a configuration is. The error
// names the file of its password if that cannot be read.
func HistoryLocation(cfg *config.Config) (history.Location, error) {
	password, err := cfg.Secret("historyPassword", cfg.HistoryPassword, cfg.HistoryPasswordFile)
	return history.Location{URL: cfg.History, Password: password, BaseDir: cfg.Dir()}, err
}
