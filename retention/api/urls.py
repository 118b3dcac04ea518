"""The addresses of retention's nouns under /api/v1/."""

from crm.api.nouns import router
from retention.api import acting, judging, onboarding

urlpatterns = router(
    onboarding_plans=onboarding.OnboardingPlans,
    onboarding_versions=onboarding.OnboardingVersions,
    milestones=onboarding.Milestones,
    onboardings=onboarding.Onboardings,
    milestone_reaches=onboarding.MilestoneReaches,
    scores=judging.Scores,
    score_days=judging.ScoreDays,
    scorecards=judging.Scorecards,
    scorecard_versions=judging.ScorecardVersions,
    scorecard_measures=judging.ScorecardMeasures,
    pulses=judging.Pulses,
    overrides=judging.Overrides,
    features_not_needed=judging.FeaturesNotNeeded,
    forecasts=judging.Forecasts,
    signals=acting.RiskSignals,
    playbooks=acting.Playbooks,
    playbook_steps=acting.PlaybookSteps,
    plays=acting.Plays,
    play_steps=acting.PlaySteps,
    tasks=acting.Tasks,
    follow_ups=acting.FollowUps,
    outcomes=acting.Outcomes,
)
