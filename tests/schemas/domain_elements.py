"""What the townships' forms ask for, written down from the domain research apart from the folder: element and unit.

One line a dataset of the research (D01 to D18); ``dataset|element unit …``. ``-`` stands for no unit. The folder splits a
dataset where lead source, frequency or key differ, so an element may stand in another dataset than in its line here.
"""

from __future__ import annotations

from collections.abc import Mapping

_TABLE = """
township_profile|township_type - is_county_seat - terrain - is_ethnic_township - is_old_revolutionary_area - admin_area 公顷 village_committee_count 个 residents_committee_count 个 village_group_count 个 natural_village_count 个 built_up_area 公顷 distance_to_county_seat 公里 staff_quota 人 staff_actual 人
population|resident_population 人 registered_population 人 registered_households 户 resident_households 户 rural_population 人 rural_households 户 population_male 人 population_female 人 population_0_14 人 population_15_59 人 population_60_plus 人 population_65_plus 人 population_80_plus 人 inflow_population 人 outflow_population 人 births 人 deaths 人 left_behind_children 人 left_behind_elderly 人 certified_disabled 人 veterans 人 ethnic_minority_population 人
land|cultivated_land_area 公顷 paddy_area 公顷 dry_land_area 公顷 permanent_basic_farmland 公顷 high_standard_farmland 公顷 effective_irrigated_area 公顷 contracted_land_area 公顷 transferred_land_area 公顷 orchard_area 公顷 garden_area 公顷 water_surface_area 公顷 construction_land_area 公顷 abandoned_land_area 公顷
crop_production|grain_sown_area 公顷 grain_output 吨 rice_sown_area 公顷 wheat_sown_area 公顷 maize_sown_area 公顷 soybean_sown_area 公顷 rice_output 吨 wheat_output 吨 maize_output 吨 soybean_output 吨 oilseed_sown_area 公顷 oilseed_output 吨 vegetable_sown_area 公顷 vegetable_output 吨 fruit_output 吨 tea_output 吨 facility_agri_area 公顷 fertilizer_use 吨 pesticide_use 吨 straw_utilization_rate %
livestock|pig_stock 头 sow_stock 头 pig_slaughtered 头 cattle_stock 头 sheep_stock 只 poultry_stock 只 poultry_slaughtered 只 meat_output 吨 pork_output 吨 egg_output 吨 milk_output 吨 aquatic_output 吨 large_farm_count 个 large_farm_manure_equipped 个 manure_utilization_rate %
economy|industrial_enterprise_count 个 above_scale_industrial_count 个 above_scale_output_value 万元 construction_enterprise_count 个 retail_store_count 个 hospitality_count 个 market_entity_count 户 individual_business_count 户 fixed_asset_investment 万元 project_count 个 employed_persons 人 per_capita_income_rural 元 cooperative_count 个 family_farm_count 个 tourist_visits 万人次
fiscal|general_budget_revenue 万元 tax_revenue 万元 general_budget_expenditure 万元 expenditure_education 万元 expenditure_health 万元 expenditure_social_security 万元 expenditure_agriculture 万元 transfer_income 万元 three_public_expense 万元 gov_debt_balance 万元 village_collective_income 万元 village_operating_income 万元 villages_below_50k 个 village_debt 万元 farmland_subsidy_paid 万元
infrastructure_housing|rural_road_length 公里 hardened_road_villages 个 villages_with_bus 个 tap_water_villages 个 tap_water_households 户 centralized_supply_villages 个 gas_villages 个 broadband_villages 个 street_lit_villages 个 public_toilets 座 rural_houses 栋 self_built_business_houses 栋 dilapidated_c 户 dilapidated_d 户 renovated_houses 户 elevator_count 台 charging_piles 个
environment|sanitary_toilet_households 户 harmless_toilet_households 户 sewage_treated_villages 个 sewage_facility_count 座 sewage_capacity 立方米/日 sewage_volume 立方米 garbage_villages 个 garbage_volume 吨 black_odor_water_bodies 条 black_odor_treated 条 source_protection_zones 个 straw_fire_points 个 key_polluters 家 env_complaints 件 env_rectify_items 项 env_rectified 项 good_air_days 天
forestry|forest_land_area 公顷 forest_area 公顷 forest_coverage_rate % forest_stock 立方米 public_welfare_forest 公顷 afforestation_area 公顷 tending_area 公顷 converted_farmland_forest 公顷 ranger_count 人 forest_fire_count 起 forest_fire_area 公顷 pest_area 公顷 pest_control_area 公顷 old_trees 株 grassland_area 公顷 timber_output 立方米 forest_chief_count 人
civil_affairs|rural_dibao_persons 人 rural_dibao_households 户 urban_dibao_persons 人 urban_dibao_households 户 tekun_persons 人 tekun_central 人 dibao_margin_persons 人 temp_relief_times 人次 temp_relief_amount 万元 dibao_spending 万元 tekun_spending 万元 orphans 人 unattended_children 人 disabled_subsidy_persons 人 old_age_allowance_persons 人 care_institutions 个 care_beds 张 community_care_stations 个 marriages 对 divorces 对
health|township_hospital_count 所 village_clinic_count 个 hospital_beds 张 health_workers 人 licensed_doctors 人 village_doctors 人 insured_residents 人 health_records 份 family_doctor_signed 人 hypertension_managed 人 diabetes_managed 人 elderly_checked_65 人 vaccination_rate % births_in_hospital_rate % infectious_reports 例 severe_mental_registered 人
education_employment|kindergarten_count 所 primary_school_count 所 middle_school_count 所 enrolled_children 人 primary_students 人 middle_students 人 boarding_students 人 teachers 人 pension_insured 人 pension_receivers 人 labor_resources 人 migrant_workers 人 trained_persons 人次 new_jobs 人 public_welfare_posts 人 wage_arrears_cases 件
emergency|disaster_id - disaster_type - start_date - affected_population 人 evacuated 人 deaths_missing 人 crop_affected_area 公顷 crop_failed_area 公顷 houses_collapsed_households 户 houses_collapsed_rooms 间 houses_damaged_rooms 间 direct_loss 万元 relief_fund 万元 geo_hazard_points 处 geo_threat_households 户 geo_threat_persons 人 geo_threat_property 万元 hazard_enterprises 家 accidents 起 accident_deaths 人 hidden_dangers_found 项 hidden_dangers_fixed 项 rescue_team_members 人 shelters 处 shelter_capacity 人
social_governance|grid_count 个 grid_staff 人 dispute_found 件 dispute_resolved 件 mediation_committees 个 mediators 人 criminal_cases 起 public_order_cases 起 fraud_cases 起 fraud_loss 万元 traffic_accidents 起 fire_incidents 起 community_correction 人 key_persons 人 video_cameras 个 legal_lectures 场
petition_hotline|petition_total 件 petition_first 件 petition_repeat 件 petition_visits_batches 批 petition_visits_persons 人次 petition_on_time_rate % petition_resolved 件 petition_backlog 件 hotline_orders 件 hotline_closed 件 hotline_on_time 件 hotline_contacted 件 hotline_solved 件 hotline_revisited 件 hotline_satisfied 件 hotline_returned 件 hotline_repeat 件
rural_revitalization|monitored_households 户 monitored_persons 人 risk_eliminated 户 formerly_poor_households 户 formerly_poor_persons 人 poverty_alleviated_income 元 small_credit_balance 万元 microloan_households 户 assistance_projects 个 assistance_funds 万元 cadres_stationed 人 brand_villages 个 points_system_villages 个
grassroots_org|party_branches 个 party_members 名 new_members 名 village_cadres 人 village_cadre_avg_age 岁 village_cadre_college 人 secretary_director_same 个 weak_villages 个 volunteers 人 civilized_villages 个
"""


def _read() -> dict[str, dict[str, str | None]]:
    found: dict[str, dict[str, str | None]] = {}
    for line in _TABLE.strip().splitlines():
        dataset, _, rest = line.partition("|")
        words = rest.split()
        found[dataset] = {
            code: None if unit == "-" else unit for code, unit in zip(words[::2], words[1::2], strict=True)
        }
    return found


DOMAIN: Mapping[str, Mapping[str, str | None]] = _read()


# How a figure adds up over time, for those where a slip would be costly: 件 and 吨 of a period are never a stock.
_MEASURES = """
flow|births deaths grain_output rice_output pig_slaughtered meat_output renovated_houses sewage_volume garbage_volume good_air_days straw_fire_points env_complaints afforestation_area forest_fire_count timber_output temp_relief_times temp_relief_amount marriages divorces elderly_checked_65 infectious_reports trained_persons new_jobs wage_arrears_cases affected_population crop_affected_area direct_loss accidents hidden_dangers_found dispute_found criminal_cases fire_incidents petition_total hotline_orders risk_eliminated new_members village_collective_income
cumulative|general_budget_revenue tax_revenue general_budget_expenditure three_public_expense farmland_subsidy_paid fixed_asset_investment dibao_spending tekun_spending assistance_funds
ratio|straw_utilization_rate manure_utilization_rate forest_coverage_rate vaccination_rate births_in_hospital_rate petition_on_time_rate per_capita_income_rural poverty_alleviated_income village_cadre_avg_age
stock|resident_population cultivated_land_area pig_stock gov_debt_balance village_debt rural_road_length care_beds geo_hazard_points grid_count petition_backlog party_members monitored_households insured_residents facility_agri_area
"""

MEASURES: Mapping[str, frozenset[str]] = {
    line.partition("|")[0]: frozenset(line.partition("|")[2].split()) for line in _MEASURES.strip().splitlines()
}
